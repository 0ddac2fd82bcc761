"""What can be seen: one file per question, each with its row, its fold, its SQL and its query.

Rules that bind this package:

- A projection decides nothing: what a fact means was decided when it was made.
- Facts come in global order; rows and position are written in one transaction, so each fact counts
  exactly once. An error stops that projection; nothing is skipped.
- Table names are unqualified. The search path says whether they are the live ones (schema `views`)
  or the shadow of a rebuild, so that a rebuild is the same fold from position 0.
"""
