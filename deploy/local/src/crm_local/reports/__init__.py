"""`crm report`: any report of the running suite, as a table and a small chart in the terminal."""
