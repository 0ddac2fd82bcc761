"""What somebody writes against the generated Python client. Run with the URL of the service and a
key; ends with 0 when all came out as it should. Type-checked before it is run."""

import sys

from callplane_client import AuthenticatedClient
from callplane_client.api.flow import create_flow, get_flow
from callplane_client.api.keys import who_am_i
from callplane_client.api.user import create_user, delete_user, get_user, list_users, update_user
from callplane_client.models import (
    CreatedFlow,
    CreatedUser,
    Deleted,
    Flow,
    FlowEdge,
    FlowNode,
    HangupNode,
    MenuNode,
    NewFlow,
    NewUser,
    Problem,
    SayNode,
    User,
    UserPage,
    UserPatch,
    WhoAmI,
)


def main(url: str, key: str) -> None:
    client = AuthenticatedClient(
        base_url=url,
        token=key,
        auth_header_name="x-api-key",
        prefix="",
        raise_on_unexpected_status=True,
    )
    who = who_am_i.sync(client=client)
    assert isinstance(who, WhoAmI)
    _users(client, who.account_id)
    _errors(client)
    _flow(client)


def _users(client: AuthenticatedClient, account_id: str) -> None:
    ids = []
    for number in range(5):
        made = create_user.sync(client=client, body=NewUser(username=f"py{number}"))
        assert isinstance(made, CreatedUser), made
        assert (made.account_id, made.ring_strategy) == (account_id, "simultaneous")
        ids.append(made.id)
    assert set(ids) <= set(_all_ids(client))
    read = get_user.sync_detailed(ids[0], client=client)
    body = UserPatch(display_name="Alice", fwd_busy_kind="hangup")
    changed = update_user.sync(ids[0], client=client, body=body, if_match=read.headers["ETag"])
    assert isinstance(changed, User), changed
    assert (changed.display_name, changed.fwd_busy_kind, changed.version) == ("Alice", "hangup", 2)
    stale = update_user.sync(ids[0], client=client, body=body, if_match=read.headers["ETag"])
    assert isinstance(stale, Problem), stale
    assert stale.status == 412
    back = update_user.sync(ids[0], client=client, body=UserPatch(fwd_busy_kind=None))
    assert isinstance(back, User), back
    assert (back.fwd_busy_kind, back.display_name) == (None, "Alice")
    for id in ids:
        assert isinstance(delete_user.sync(id, client=client), Deleted)


def _all_ids(client: AuthenticatedClient) -> list[str]:
    """Page by page."""
    page = list_users.sync(client=client, limit=2, sort="username")
    ids: list[str] = []
    while isinstance(page, UserPage):
        ids += [row.id for row in page.rows]
        if not isinstance(page.next_cursor, str):
            return ids
        page = list_users.sync(client=client, limit=2, sort="username", cursor=page.next_cursor)
    raise AssertionError(page)


def _errors(client: AuthenticatedClient) -> None:
    wrong = create_user.sync(client=client, body=NewUser(username="with a space"))
    assert isinstance(wrong, Problem), wrong
    assert wrong.status == 400
    assert isinstance(wrong.errors, list)
    assert [fault.pointer for fault in wrong.errors] == ["/username"]
    missing = get_user.sync("us_nobody", client=client)
    assert isinstance(missing, Problem), missing
    assert missing.status == 404


def _flow(client: AuthenticatedClient) -> None:
    nodes = [
        FlowNode(
            "ask", "menu", MenuNode("menu", max_digits=1, timeout_sec=5, prompt_text="Press 1")
        ),
        FlowNode("hello", "say", SayNode("say", "Hello {{from}}")),
        FlowNode("bye", "hangup", HangupNode("hangup")),
    ]
    edges = [FlowEdge("e1", "ask", "hello", "digit:1"), FlowEdge("e2", "hello", "bye")]
    made = create_flow.sync(client=client, body=NewFlow("Main", "ask", nodes, edges))
    assert isinstance(made, CreatedFlow), made
    read = get_flow.sync(made.id, client=client)
    assert isinstance(read, Flow), read
    menu = read.nodes[0].data
    assert isinstance(menu, MenuNode), menu
    assert menu.prompt_text == "Press 1"
    assert [type(node.data) for node in read.nodes] == [MenuNode, SayNode, HangupNode]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
