// Package check holds the Kubernetes manifests to their schemas and to the house's rules. A
// module of its own, so that Kubernetes' libraries are none of the product's dependencies.
//
// Its tests are the check: `make lint-kubernetes`. [Rules] are listed in one table, and a
// test plants a mistake for each and sees that it is found.
package check
