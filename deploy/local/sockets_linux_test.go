package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"
)

// parentDeathSignal: Linux tells a child when its parent has died.
const parentDeathSignal = true

// TestNothingIsOpenBeyondLoopback lists every listening TCP socket of every process of the stack, as the kernel has it,
// and then knocks at Weaviate's doors without credentials: loopback is shared by all users of a machine.
func TestNothingIsOpenBeyondLoopback(t *testing.T) {
	l := up(t, newData(t))
	c, pids := l.config(t), l.pids(t)
	for name, pid := range engines(pids) {
		sockets := listening(t, pid)
		require.NotEmpty(t, sockets, name)
		for _, address := range sockets {
			require.True(t, address.IP.IsLoopback(), "%s listens on %s", name, &address)
		}
	}
	for _, pid := range []int{pids.Supervisor, pids.Guards["postgres"], pids.Guards["temporal"], pids.Guards["weaviate"]} {
		require.Empty(t, listening(t, pid))
	}

	t.Run("gRPC refuses a caller without the key", func(t *testing.T) {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(l.state(t).Ports.WeaviateGRPC))
		for _, method := range []string{"Search", "BatchObjects", "TenantsGet"} {
			err := call(t, address, "/weaviate.v1.Weaviate/"+method)
			require.ErrorContains(t, err, "unauthorized", method)
		}
	})
	t.Run("REST refuses a caller without the key", func(t *testing.T) {
		require.Equal(t, http.StatusUnauthorized, get(t, c.Weaviate.URL+"/v1/schema"))
	})
}

func call(t *testing.T, address, method string) error {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return conn.Invoke(ctx, method, &emptypb.Empty{}, &emptypb.Empty{})
}

func get(t *testing.T, address string) int {
	t.Helper()
	response, err := http.Get(address)
	require.NoError(t, err)
	defer response.Body.Close()
	return response.StatusCode
}

// listening reads from the kernel which TCP sockets a process listens on.
func listening(t *testing.T, pid int) []net.TCPAddr {
	t.Helper()
	mine := map[string]bool{}
	descriptors, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "fd", "*"))
	require.NoError(t, err)
	for _, descriptor := range descriptors {
		// A descriptor that was closed meanwhile listens no more.
		if target, err := os.Readlink(descriptor); err == nil {
			mine[strings.TrimSuffix(strings.TrimPrefix(target, "socket:["), "]")] = true
		}
	}
	var found []net.TCPAddr
	for _, table := range []string{"tcp", "tcp6"} {
		file, err := os.Open(filepath.Join("/proc", strconv.Itoa(pid), "net", table))
		require.NoError(t, err)
		defer file.Close()
		for lines := bufio.NewScanner(file); lines.Scan(); {
			fields := strings.Fields(lines.Text())
			const listen = "0A" // the kernel's number of that state
			if fields[3] == listen && mine[fields[9]] {
				found = append(found, parseKernelAddress(t, fields[1]))
			}
		}
	}
	return found
}

// parseKernelAddress decodes "0100007F:1F90": the address in 32-bit words of host byte order, the port in plain hex.
func parseKernelAddress(t *testing.T, text string) net.TCPAddr {
	t.Helper()
	host, port, _ := strings.Cut(text, ":")
	number, err := strconv.ParseUint(port, 16, 16)
	require.NoError(t, err)
	ip, err := hex.DecodeString(host)
	require.NoError(t, err)
	for word := range slices.Chunk(ip, 4) {
		slices.Reverse(word)
	}
	return net.TCPAddr{IP: ip, Port: int(number)}
}
