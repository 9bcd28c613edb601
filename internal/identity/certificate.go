package identity

import (
	"errors"
	"net/http"

	"github.com/google/uuid"

	"meai/internal/mtls"
)

// Certified knows MeAi's own workers by the certificate of their connection, and
// everybody else as Next does. Credentials in the request come first: where they
// are not accepted, no certificate makes up for it.
type Certified struct {
	Next Authenticator
	TLS  *mtls.Source
}

// Authenticate implements [Authenticator].
func (c Certified) Authenticate(r *http.Request) (Caller, error) {
	who, err := c.Next.Authenticate(r)
	if !errors.Is(err, ErrNoCredentials) {
		return who, err
	}
	peer, failed := c.TLS.Peer(r.TLS)
	switch {
	case errors.Is(failed, mtls.ErrNoPeer):
		return Caller{}, err
	case failed != nil, peer.Queue == "":
		return Caller{}, ErrBadCredentials
	}
	return newCaller(Caller{
		// The same for all replicas of a worker.
		Principal: uuid.NewSHA1(uuid.NameSpaceURL, []byte(peer.ID)),
		Roles:     []Role{Service}, Method: Certificate, Queue: peer.Queue,
	}), nil
}
