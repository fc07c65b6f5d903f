// Package web lets people and probes look at a worker over HTTP, and ask it for
// a pass.
//
// In come requests and the worker's State. Out go:
//
//	GET  /          a status page for people
//	GET  /healthz   200 while the process answers
//	GET  /readyz    200, or 503 with the reasons
//	GET  /metrics   what the given handler serves
//	POST /reconcile a pass over everything: from this machine, or with the bearer token
//
// The handler is a value of its own: nothing is registered in a global mux, and
// whoever serves it chooses the address. It never starts a pass itself; it wakes
// the worker, which merges wakes, so a flood of requests costs one pass at a time.
package web
