// Package server runs a real Kubernetes API server, with an etcd behind it and nothing that
// acts on what it is told: it says whether objects are accepted, and why not.
package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"

	"meai/deploy/kubernetes/check"
)

// Programs are what a server is made of.
type Programs struct {
	// APIServer is kube-apiserver, Local is meai-local, which has an etcd in it.
	APIServer, Local string
}

// Server is one that runs.
type Server struct {
	dynamic dynamic.Interface
	mapper  *restmapper.DeferredDiscoveryRESTMapper

	mu       sync.Mutex
	warnings []string
	running  sync.WaitGroup
}

// Wait waits until all that was started has ended, which it does with the context of Start.
func (s *Server) Wait() { s.running.Wait() }

const token = "administrator" // of a server that listens on loopback for the length of a test

// Start runs a server in a folder of its own until ctx ends, and waits at most a minute and
// a half for it. On an error, too, what it has started is waited for by Wait.
func (s *Server) Start(ctx context.Context, p Programs, folder string) error {
	etcd, err := s.startEtcd(ctx, p.Local, folder)
	if err != nil {
		return err
	}
	if err := writeCredentials(folder); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	port := fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)
	if err := listener.Close(); err != nil {
		return err
	}
	at := func(name string) string { return filepath.Join(folder, name) }
	log, err := s.run(ctx, folder, "apiserver.log", p.APIServer, "--etcd-servers="+etcd, "--bind-address=127.0.0.1", "--secure-port="+port,
		"--cert-dir="+at("certificates"), "--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file="+at("accounts.pub"),
		"--service-account-signing-key-file="+at("accounts.key"), "--token-auth-file="+at("tokens.csv"), "--authorization-mode=RBAC",
		"--service-cluster-ip-range=10.96.0.0/16", "--endpoint-reconciler-type=none")
	if err != nil {
		return err
	}
	config := &rest.Config{
		Host: "https://127.0.0.1:" + port, BearerToken: token, TLSClientConfig: rest.TLSClientConfig{Insecure: true},
		QPS: 500, Burst: 500, WarningHandler: s, Timeout: 30 * time.Second,
	}
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return err
	}
	if err := until(ctx, func() error { return client.RESTClient().Get().AbsPath("/readyz").Do(ctx).Error() }); err != nil {
		tail, _ := os.ReadFile(log) // only to say more
		return fmt.Errorf("wait for the API server: %w\n%s", err, tail[max(0, len(tail)-2000):])
	}
	s.mapper = restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client))
	s.dynamic, err = dynamic.NewForConfig(config)
	return err
}

// HandleWarningHeader notes what the server warns of.
func (s *Server) HandleWarningHeader(_ int, _ string, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.warnings = append(s.warnings, text)
}

// Warnings are those of Pod Security and of fields that do nothing.
func (s *Server) Warnings() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.warnings
}

// Apply applies an object on the server's side; an unknown field is an error. With dry it is
// judged and not kept.
func (s *Server) Apply(ctx context.Context, o *check.Object, dry bool) error {
	mapping, err := s.mapping(ctx, o)
	if err != nil {
		return err
	}
	var resources dynamic.ResourceInterface = s.dynamic.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		resources = s.dynamic.Resource(mapping.Resource).Namespace(o.GetNamespace())
	}
	text, err := o.MarshalJSON()
	if err != nil {
		return err
	}
	force := true
	options := metav1.PatchOptions{FieldManager: "check", FieldValidation: metav1.FieldValidationStrict, Force: &force}
	if dry {
		options.DryRun = []string{metav1.DryRunAll}
	}
	_, err = resources.Patch(ctx, o.GetName(), types.ApplyPatchType, text, options)
	return err
}

// mapping finds where objects of a kind are kept. One that was defined a moment ago is served
// a moment later.
func (s *Server) mapping(ctx context.Context, o *check.Object) (mapping *meta.RESTMapping, err error) {
	kind := o.GroupVersionKind()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	return mapping, until(ctx, func() error {
		if mapping, err = s.mapper.RESTMapping(kind.GroupKind(), kind.Version); err != nil {
			s.mapper.Reset()
		}
		return err
	})
}

func (s *Server) startEtcd(ctx context.Context, program, folder string) (string, error) {
	ready := filepath.Join(folder, "etcd.json")
	if _, err := s.run(ctx, folder, "etcd.log", program, "etcd", "--data", filepath.Join(folder, "etcd"), "--ready-file", ready); err != nil {
		return "", err
	}
	var clients []string
	err := until(ctx, func() error {
		text, err := os.ReadFile(ready)
		if err != nil {
			return err
		}
		return json.Unmarshal(text, &clients)
	})
	if err != nil {
		return "", fmt.Errorf("wait for etcd: %w", err)
	}
	return strings.Join(clients, ","), nil
}

// run starts a program that ends with ctx.
func (s *Server) run(ctx context.Context, folder, log, program string, args ...string) (string, error) {
	path := filepath.Join(folder, log)
	out, err := os.Create(path)
	if err != nil {
		return "", err
	}
	command := exec.CommandContext(ctx, program, args...)
	command.Stdout, command.Stderr, command.Dir = out, out, folder
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 20 * time.Second
	if err := command.Start(); err != nil {
		return "", fmt.Errorf("start %s: %w", program, err)
	}
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		_ = command.Wait() // its log says why; who waits for it to answer learns that it does not
		_ = out.Close()
	}()
	return path, nil
}

// until asks again until there is no error, for a minute and a half.
func until(ctx context.Context, ask func() error) error {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	for {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// writeCredentials makes the key that signs accounts' tokens, and the administrator's.
func writeCredentials(folder string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	var private bytes.Buffer
	if err := pem.Encode(&private, &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}); err != nil {
		return err
	}
	for name, text := range map[string][]byte{
		"accounts.key": private.Bytes(),
		"accounts.pub": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}),
		"tokens.csv":   []byte(token + `,admin,admin,"system:masters"` + "\n"),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}
