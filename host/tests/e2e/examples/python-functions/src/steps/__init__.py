from ..table import TABLE

WHERE = f"steps of {TABLE}"
