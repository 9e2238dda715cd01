"""Files that become records: what every kind of record does alike. Knows no kind."""
