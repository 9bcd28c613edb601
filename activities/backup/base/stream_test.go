package base

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatEachVersionCanDo(t *testing.T) {
	require.NoError(t, supported(15, ""))
	require.NoError(t, supported(18, ""))
	require.ErrorIs(t, supported(14, ""), ErrVersion)
	require.ErrorIs(t, supported(16, "x"), ErrVersion)
	require.ErrorIs(t, supported(17, "x"), ErrIncremental)
}

func TestASegmentsSizeIsReadAsItIsShown(t *testing.T) {
	for shown, size := range map[string]int64{"1MB": 1 << 20, "16MB": 16 << 20, "1GB": 1 << 30} {
		got, err := segmentSize(shown)
		require.NoError(t, err)
		require.Equal(t, size, got)
	}
	for _, shown := range []string{"", "16", "MB", "16kB", "16 MB", "99999999999999999999MB"} {
		_, err := segmentSize(shown)
		require.ErrorIs(t, err, errProtocol, shown)
	}
}

func TestAStreamThatIsNotThatOfABackupIsRefused(t *testing.T) {
	for _, message := range []string{"", "x", "dearly", "p", "p1234567", "p123456789", "nother.tar.zst\x00\x00", "n", "n../base.tar.zst\x00\x00"} {
		s := &stream{awaited: []string{clusterArchive}}
		require.ErrorIs(t, s.chunk([]byte(message), nil), errProtocol, message)
	}
	s := &stream{awaited: []string{clusterArchive, "5.tar.zst"}}
	require.NoError(t, s.chunk([]byte("nbase.tar.zst\x00\x00"), nil))
	require.Equal(t, clusterArchive, s.next)
	var got bytes.Buffer
	require.NoError(t, s.chunk([]byte("dcontents"), &got))
	require.Equal(t, "contents", got.String())
	require.ErrorIs(t, s.chunk([]byte("nbase.tar.zst\x00\x00"), nil), errProtocol, "it came already")
	require.ErrorIs(t, s.finish(t.Context()), errProtocol, "a tablespace and the manifest are missing")
	require.NoError(t, s.chunk([]byte("n5.tar.zst\x00/away\x00"), nil))
	require.ErrorIs(t, s.finish(t.Context()), errProtocol, "the manifest is missing")
}
