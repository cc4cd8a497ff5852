"""The words names are made of. A word that stands more often is drawn more often."""

from __future__ import annotations


def _weighted(text: str) -> list[str]:
    """``"王*9 李*8 欧阳"`` as a list in which 王 stands nine times."""
    words: list[str] = []
    for part in text.split():
        word, _, times = part.partition("*")
        words += [word] * int(times or 1)
    return words


SURNAMES = _weighted(
    "王*36 李*36 张*34 刘*27 陈*23 杨*15 黄*11 赵*11 吴*10 周*10 徐*8 孙*8 马*7 朱*7 胡*7 郭*6 何*6 林*6 罗*6 高*6 "
    "郑*5 梁*5 谢*5 宋*4 唐*4 许*4 邓*4 韩*4 冯*4 曹*4 彭*4 曾*3 肖*3 田*3 董*3 袁*3 潘*3 于*3 蒋*3 蔡*3 余*3 杜*3 "
    "叶*2 程*2 苏*2 魏*2 吕*2 丁*2 任*2 沈*2 姚*2 卢*2 姜*2 崔*2 钟*2 谭*2 陆*2 汪*2 范*2 金*2 石*2 廖*2 贾*2 夏*2 "
    "韦 付 方 白 邹 孟 熊 秦 邱 江 尹 薛 闫 段 雷 侯 龙 史 陶 黎 贺 顾 毛 郝 龚 邵 万 钱 严 覃 武 戴 莫 孔 向 汤 "
    "欧阳 司马 诸葛 上官"
)
"""Family names."""

MALE = list(
    "伟强磊军勇杰涛明超刚平辉鹏华飞鑫波斌宇浩凯健俊帆帅旭宁龙林峰文博建国志海东亮成康子轩浩然睿泽昊天思远家豪"
    "庆荣光泉松柏岩川江河晨阳星辰铭瀚霖启正诚义信德仁安邦振兴学彬嘉"
)
"""Characters of men's given names."""

FEMALE = list(
    "芳娜敏静丽艳娟霞秀燕玲桂英丹萍红玉兰洁梅琳倩婷慧雪颖佳欣怡雨晨梦瑶诗涵思琪子萱语桐若曦可心梓晴雅文"
    "春花凤珍莉莲晶晓清云月荷菊芝琴瑾蕾薇岚宁安妍婉淑蓉君素"
)
"""Characters of women's given names."""

ETHNIC_GIVEN = {
    "04": (_weighted("扎西 次仁 多吉 平措 旺堆 索朗"), _weighted("卓玛 央金 拉姆 白玛 德吉 梅朵")),
    "05": (
        _weighted("阿里木 买买提 艾尼瓦尔 吐尔逊 玉素甫 库尔班"),
        _weighted("阿依古丽 热依汗 古丽娜尔 帕提古丽 米热古丽 迪丽"),
    ),
}
"""Given names of peoples that do not use a Han family name: code -> (men's, women's)."""

FATHERS = _weighted("艾合买提 阿不都 依明 卡德尔 司马义 肉孜 托合提 吾甫尔")
"""Fathers' names, after the dot of a Uygur name."""

TIBETAN_SECOND = _weighted("顿珠 罗布 旺姆 曲珍 桑珠 群培 格桑 尼玛")
"""Second halves of Tibetan names."""

PEOPLES = _weighted("01*920 08*14 11*12 03*12 06*9 05*6 15*6 07*6 04*4 02*4 09*3 10*2 12*2")
"""Codes of GB/T 3304, 01 Han being 92 %."""

PEOPLE_NAMES = {
    "01": "汉族", "02": "蒙古族", "03": "回族", "04": "藏族", "05": "维吾尔族", "06": "苗族", "07": "彝族",
    "08": "壮族", "09": "布依族", "10": "朝鲜族", "11": "满族", "12": "侗族", "15": "土家族",
}  # fmt: skip
"""Names of the peoples that live here, by code."""

FIRM_BRANDS = list("云澜启恒盛华鼎瑞丰泰嘉德润康博远宏信达诚创新锦程中海天翔金桥星辰")
"""Characters of the firms' own names, two or three of which make a brand."""

FIRM_TRADES = [
    ("I65", "信息技术"), ("I64", "网络科技"), ("F51", "商贸"), ("F52", "百货"), ("C13", "食品"), ("C34", "机械制造"),
    ("E47", "建筑工程"), ("E50", "装饰工程"), ("G54", "运输"), ("H62", "餐饮管理"), ("K70", "物业服务"), ("L72", "企业管理"),
    ("M73", "生物科技"), ("A01", "农业发展"), ("O80", "汽车服务"), ("R88", "文化传媒"),
]  # fmt: skip
"""Trades: GB/T 4754 letter with two digits, and the word in a firm's name."""

HOSPITALS = ["云澜市第一人民医院", "云澜市妇幼保健院", "云东区人民医院", "澜西区中心医院", "湖阳区人民医院"]
"""Where children are born."""

WARDS = ["内科", "外科", "儿科", "眼科", "口腔科", "骨科", "皮肤科", "急诊科"]
"""Departments of a hospital."""
