package encoder

// kernel is the arithmetic that dominates an encoding, once per instruction
// set. Kernels are stateless. Their results are equal to the bit, so that models
// trained on vectors of one machine are those of any other.
type kernel interface {
	// name tells which instructions are used, for benchmarks and diagnostics.
	name() string
	// multiply computes dst[r][o] = Σᵢ x[r][i]·w[o][i] + bias[o] for all rows of
	// x, those that pad the last tile included. It may use x's scratch.
	multiply(dst []float32, w *matrix, x *activations)
	// dot is the scalar product of two vectors of the same length, a multiple of 8: eight
	// sums of rounded products, each over every eighth element, then added in pairs.
	dot(a, b []float32) float32
	// addScaled adds the rounded factor·x to dst; lengths as for dot.
	addScaled(dst, x []float32, factor float32)
}

// kernels lists what this build and machine can run, the fastest first.
func kernels() []kernel {
	return append(vectorKernels(), scalar{})
}
