"""Speed and memory, as tables of ratios from one run on one machine; scripts, not tests."""
