"""Benches (`callplane bench NAME`): ours and its limit in turn, in one run, on a system of their
own.

A figure is the median of several runs, with the spread; the ratio to the limit is what can be
compared between machines. Load goes to loopback only and ends with the bench.
"""
