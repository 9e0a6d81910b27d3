"""The classic engine: the stream's hashtags counted by DStreams, as trackers were written before Structured Streaming.

Spark calls DStreams legacy. This engine is for whoever knows, teaches or still runs such a job, and wants to see it
beside the main engine on the same landing files. A batch is what has landed between two ticks of the driver's clock:
there is no event time, so no tweet is late, and nothing is de-duplicated.
"""
