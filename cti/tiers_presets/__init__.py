"""The six published tier schemes (domain.md §2) as data; `cti.schemes` reads them."""
