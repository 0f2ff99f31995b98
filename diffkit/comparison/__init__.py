"""Which way of differentiating is better: accuracy, cost and the rule checker."""
