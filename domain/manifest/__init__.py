"""Configuration as code: what a file wishes, against what is there, and the steps between them.

What a file means:

- A file is about one account. Its sections carry the names of the /v1 collections (`sections.py`).
- A row is found by its `id`, or else by what names it (a username, a number, a name). Where a row
  names another one (`queue_id`, `dest_id`, the nodes of a flow …) its name stands as well as its
  id; whatever has the shape of an id is one. A device is named `auth_username@realm`.
- A row in the file is described whole: a member that is not named has its default. What stays if
  it is not named: secrets, audio, and whether a flow is published. The account itself is changed
  member by member, for a file that is about its queues has to say which account that is.
- Rows that the file does not name stay, unless it is asked to prune: then those of the sections
  that it has are deleted.

Applying a file twice changes nothing the second time; what was exported and is applied again, too.
Pure: the store, the encrypted store and YAML are the business of `gateways/manifest/`.
"""
