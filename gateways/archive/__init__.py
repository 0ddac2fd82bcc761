"""Months of the call log that are over, as Parquet in the object store, read with the others.

`moving.py` takes them there, `reading.py` gives one list of both, `sheet.py` knows the files,
`books.py` says which there are, `copies.py` brings them near.

- A call is in the table or in one file, never in both and never in none: a month's files are booked
  in the transaction that drops its partition. Whoever dies before it has changed nothing that
  anybody reads; the next run does it again.
- A file is of one account and one month, and never changes: its key has the digest of its content.
  When a month is archived again, because something was learnt of its calls, another file takes its
  place.
- A rebuild of the call log makes all months again, also those of the archive. They are rows of the
  table then, until they are archived again.
"""
