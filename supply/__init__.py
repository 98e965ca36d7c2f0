"""What closedloop is made of: packages of the lock files, their licences, and the weaknesses known of them."""
