"""Self-contained HTML pages from templates: no script from elsewhere, no network, pictures embedded."""

from __future__ import annotations

import base64
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from s2m.report.contents import STAGE_TITLES, Contents

_SHARED = "s2m.report"


def report_page(contents: Contents) -> str:
    """The text of a report's ``index.html``.

    Args:
        contents: everything that the report shows.

    Returns:
        One HTML page, its pictures inside.
    """
    return render(_SHARED, "report.html.jinja", report=contents, titles=STAGE_TITLES)


def render(package: str, template: str, **values: Any) -> str:
    """Fill a template of a package.

    Args:
        package: name of the package in whose folder ``assets`` the template lies. The templates and styles of
            ``s2m.report`` can be extended and included from everywhere.
        template: file name of the template.
        **values: what the template shows. All text is escaped; a name that the template uses and that is not here is an
            error.

    Returns:
        The page.
    """
    loader = ChoiceLoader([PackageLoader(name, "assets") for name in dict.fromkeys((package, _SHARED))])
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["data_uri"] = _data_uri
    environment.globals["asset"] = lambda name: Markup(loader.get_source(environment, name)[0])
    return environment.get_template(template).render(**values) + "\n"


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"
