"""The front end for assistants: the Model Context Protocol, over stdio or HTTP."""
