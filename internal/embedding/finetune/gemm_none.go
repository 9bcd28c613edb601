//go:build !goexperiment.simd || !amd64

package finetune

// tile is the only kernel of this build.
var tile = tileScalar
