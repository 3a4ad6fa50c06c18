"""EconLogicQA: which of four economic events comes first, and which then?"""
