package etcd

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAProcessFindsHostsWhereItIsTold(t *testing.T) {
	system := net.DefaultResolver
	t.Cleanup(func() { net.DefaultResolver = system })
	Find(map[string]string{"a.etcd.meai.internal": "127.0.9.9"})

	listener, err := net.Listen("tcp", "127.0.9.9:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	conn, err := net.Dial("tcp", "a.etcd.meai.internal:"+port)
	require.NoError(t, err)
	require.Equal(t, "127.0.9.9:"+port, conn.RemoteAddr().String())
	require.NoError(t, conn.Close())

	_, err = net.LookupHost("b.etcd.meai.internal")
	require.Error(t, err, "nobody has told about it")
	localhost, err := net.LookupHost("localhost")
	require.NoError(t, err)
	require.Contains(t, localhost, "127.0.0.1")
}
