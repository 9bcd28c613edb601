//go:build !goexperiment.simd || !amd64

package encoder

// vectorKernels is empty: this build has no vector instructions at hand.
func vectorKernels() []kernel { return nil }
