package memory

// DissolvePatterns is what forgetting calls.
var DissolvePatterns = dissolvePatterns
