"""Mail: what is owed stands in a projection; here it is written, sent, retried and booked."""
