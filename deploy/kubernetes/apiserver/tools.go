//go:build tools

// Package apiserver pins the API server that `make test-kubernetes` builds from source.
package apiserver

import _ "k8s.io/kubernetes/cmd/kube-apiserver"
