package docker

import (
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/stretchr/testify/require"
)

// The image with PostgreSQL's programs has the version of the server that it takes backups of, and no root.
func TestImageWithPostgreSQLHasTheServersVersionAndNoRoot(t *testing.T) {
	all := stages(t, "Dockerfile.postgres")
	last := all[len(all)-1]
	p, _ := project(t)
	require.Equal(t, p.Services["postgres"].Image, last.BaseName)
	var user string
	for _, command := range last.Commands {
		if c, is := command.(*instructions.UserCommand); is {
			user = c.User
		}
	}
	require.Equal(t, "65532:65532", user)
}
