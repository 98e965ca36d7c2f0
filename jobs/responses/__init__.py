"""Responses: what became of each contact, who must not be contacted, which channel suits whom; as known each night."""
