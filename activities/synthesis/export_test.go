package synthesis

import "context"

// Ask asks the model whatever the words are, to see what it would be asked.
func (w *Writer) Ask(ctx context.Context, in ComposeInput) (Answer, error) {
	return w.generate(ctx, newComposition(in))
}
