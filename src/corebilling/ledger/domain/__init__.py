"""The chart of accounts, journals ready to post, and the comparison of documents with journals. No I/O and no clock."""
