"""The pages of the district in Airflow's UI: a FastAPI app under ``/resumption``, rendered on the server.

How a page is made; whoever adds one follows it:

* **Router**: a module of this package with ``router = fastapi.APIRouter()``, named in ``app.ROUTERS``. Paths are
  written without the prefix ``/resumption``. A route that asks the database is a plain ``def``: FastAPI gives it a
  thread.
* **Guard**: every route takes a visitor, ``visitor: guard.Briefing`` (``Feeds``, ``Quarantine``, ``WorkLists``,
  ``Persons``) to read, ``guard.DecideQuarantine`` or ``guard.ExportWorkLists`` to act. No visitor, no route: a test
  walks all routes. A route that acts is a POST and takes ``guard.Form`` as well, which holds the fields after their
  token was checked; its form has ``{{ csrf_field() }}`` inside.
* **Page**: ``return page(request, "board.html", rows=rows)``. The template begins ``{% extends "frame.html" %}`` and
  fills the blocks ``title`` and ``content``. In it: ``t("board.title")`` text, ``url("/board", feed="checkins")`` an
  address within the pages, ``number``, ``percent``, ``points``, ``moment`` for figures, ``lang`` is ``zh`` or
  ``en``. ``frame.html`` says which CSS classes there are: ``table-scroll`` around every table, ``tile``, ``badge
  good|warn|bad``, ``note``, ``toolbar`` around filters. No ``style`` attribute and no script: the content policy
  refuses both.
* **Text**: ``texts/<page>.yaml``, one entry a text with ``zh`` and ``en``, asked for as ``<page>.<key>``; named
  values stand in braces. Templates hold no words of their own; tests prove both.
* **Database**: ``with access.connection(visitor, purpose=...) as conn``, one read-only transaction that sees what the
  visitor's role may see. Nothing else in this package opens a connection to read.
* **What went wrong**: ``raise PageError(404, "board.no_delivery", name=name)`` shows the text on a page, with its
  status.
"""
