"""What the torture parts share: a lab to break, senders that never give up, and the comparison at the end."""
