"""Quality as people read it: reports on pages, on paper and in workbooks, and pages of profiles."""
