"""Who is asking and whether they may, decided by Airflow's auth manager; and that a form came from our own page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.configuration import conf
from fastapi import Depends, Request
from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.datastructures import FormData

from resumption.ui.access import Visitor
from resumption.ui.errors import PageError

Method = Literal["GET", "PUT"]
CSRF_FIELD = "csrf_token"
CSRF_SECONDS = 12 * 3600
QUARANTINE = "Resumption quarantine"
PERSONS = "Resumption persons"


def may(user: object, resource: str, method: Method) -> bool:
    """Whether Airflow lets a user read (GET) or change (PUT) a resource of the pages.

    Who decides on quarantined rows must also be allowed to start the DAG that carries decisions out: Airflow's simple
    auth manager does not tell the methods of a custom view apart.
    """
    manager = get_auth_manager()
    allowed = bool(manager.is_authorized_custom_view(method=method, resource_name=resource, user=user))
    if allowed and (resource, method) == (QUARANTINE, "PUT"):
        run = DagDetails(id="quarantine")
        return bool(manager.is_authorized_dag(method="POST", user=user, access_entity=DagAccessEntity.RUN, details=run))
    return allowed


def needs(resource: str, method: Method = "GET") -> Callable[..., Visitor]:
    """Return the dependency that lets in who may; 401 without a login, 403 without the permission."""

    def visitor(request: Request, user: GetUserDep) -> Visitor:
        if not may(user, resource, method):
            raise PageError(403, "frame.forbidden", resource=resource)
        found = Visitor(str(user.get_id()), user.get_name(), may_decide=may(user, QUARANTINE, "PUT"))
        request.state.visitor = found
        return found

    return visitor


Briefing = Annotated[Visitor, Depends(needs("Resumption briefing"))]
Feeds = Annotated[Visitor, Depends(needs("Resumption feeds"))]
Quarantine = Annotated[Visitor, Depends(needs(QUARANTINE))]
WorkLists = Annotated[Visitor, Depends(needs("Resumption work lists"))]
Persons = Annotated[Visitor, Depends(needs(PERSONS))]
DecideQuarantine = Annotated[Visitor, Depends(needs(QUARANTINE, "PUT"))]
ExportWorkLists = Annotated[Visitor, Depends(needs("Resumption work lists", "PUT"))]


def login_address(request: Request) -> str:
    """Return where to log in, to come back to the page asked for."""
    return str(get_auth_manager().get_url_login(next_url=str(request.url)))


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(conf.get_mandatory_value("api", "secret_key"), salt="resumption.ui.csrf")


def csrf_token(login: str) -> str:
    """Return the token that a form of this login carries, good for twelve hours."""
    return _serializer().dumps(login)


async def checked_form(request: Request, user: GetUserDep) -> FormData:
    """Return the fields of a form that one of our pages gave to this user.

    Raises:
        PageError: 403, the token is missing, too old or another login's.
    """
    form = await request.form()
    try:
        login = _serializer().loads(str(form.get(CSRF_FIELD, "")), max_age=CSRF_SECONDS)
    except BadData:
        login = None
    if login != str(user.get_id()):
        raise PageError(403, "frame.stale_form")
    return form


Form = Annotated[FormData, Depends(checked_form)]
