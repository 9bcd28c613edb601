package repository

import "context"

// Put writes a description of anything, as this package does with its own; its name must
// be new. With a signer it is signed.
func (r *Repository) Put(ctx context.Context, name string, says any) error {
	return r.put(ctx, name, says)
}

// Get reads a description that [Repository.Put] wrote under this name. It fails with
// [ErrMissing], [ErrAltered] or [ErrForged].
func (r *Repository) Get(ctx context.Context, name string, says any) error {
	return r.get(ctx, name, says)
}
