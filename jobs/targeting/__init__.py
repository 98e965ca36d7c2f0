"""Who is contacted tonight: selection, exclusion with every reason, control groups, allocation, frozen lists, checked export files."""
