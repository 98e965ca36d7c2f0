"""From delivered records to the customer view: conform (bronze to silver), then the view, its tags and segments."""
