"""Live views: a board per account that somebody watches, and who watches it.

What binds this package:

- The first who watches an account has its board loaded, once; from then on only facts change it. A
  viewer never costs a query of what he sees.
- A change replaces whole values under their keys. Whoever was not there for some changes gets the
  newest value of each key that has changed since, and no more: a viewer who is slow, or was away,
  costs a number.
- Who may look is looked at again, for as long as he does.
"""
