"""The application that the server runs: ``granian --interface asgi --factory cityloom.api.app:create``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from cityloom import web
from cityloom.api.guard import Guard
from cityloom.api.intake import router as intake
from cityloom.api.jobs import router as jobs
from cityloom.api.lifetime import leave_with_parent
from cityloom.api.orders import router as orders
from cityloom.api.problems import install_problems
from cityloom.api.quality import router as quality
from cityloom.api.repairs import router as repairs
from cityloom.api.routes import router
from cityloom.api.rules import router as rules
from cityloom.api.services import Services
from cityloom.api.workspace import WorkspaceServices
from cityloom.flows.bootstrap import open_workspace
from cityloom.kernel.config import Settings, load_settings
from cityloom.kernel.log import configure_log
from cityloom.web.collect import router as collect_pages
from cityloom.web.deliver import router as delivery_pages
from cityloom.web.pages import router as pages
from cityloom.web.quality import router as quality_pages


def create() -> FastAPI:
    """The application over the workspace that the settings name; the factory that the server calls.

    The workspace is opened when the worker starts: what it holds (threads, connections) does not survive
    the fork that makes the worker.

    Raises:
        ConfigError: a setting is wrong.
    """
    settings = load_settings()
    configure_log(settings.log_level)
    app = build(settings, None)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        leave_with_parent()
        workspace = open_workspace(settings)
        app.state.services = WorkspaceServices(workspace)
        app.state.workspace = workspace
        yield
        workspace.close()

    app.router.lifespan_context = lifespan
    return app


def build(settings: Settings, services: Services | None) -> FastAPI:
    """The application from its parts: ``services`` answer, the report is read from the workspace.

    Without services they are set before the first request.
    """
    app = FastAPI(
        title="CityLoom",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
    )
    app.state.services = services
    app.state.folder = settings.workspace.absolute()
    app.include_router(router)
    app.include_router(intake)
    app.include_router(jobs)
    app.include_router(orders)
    app.include_router(rules)
    app.include_router(quality)
    app.include_router(repairs)
    app.include_router(pages)
    app.include_router(collect_pages)
    app.include_router(delivery_pages)
    app.include_router(quality_pages)
    app.mount("/static", StaticFiles(directory=web.STATIC), name="static")
    install_problems(app)
    app.add_middleware(Guard, language=settings.language, delivery_bytes=settings.intake_mb << 20)
    return app
