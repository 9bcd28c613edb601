package bridge

// mostRelated is how many related entries an entry has at most.
const mostRelated = 4
