"""The steps of the night, by stage; jobs/lakehouse is the only storage code, jobs/rules holds the business rules."""
