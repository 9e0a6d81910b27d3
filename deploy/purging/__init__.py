"""Tweets that were deleted or withheld leave landing, archive, quarantine and spool; the hours that had counted them
are sealed again."""
