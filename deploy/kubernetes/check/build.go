package check

import (
	"fmt"
	"path/filepath"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// Overlays are the folders below deploy/kubernetes/overlays, each a deployment.
var Overlays = []string{"local", "region-a", "region-b"}

// Others are further folders below deploy/kubernetes, for whoever follows and breaks a region.
var Others = []string{"argocd", "chaos"}

// Object is one object that is deployed, in the form that the API server reads.
type Object = unstructured.Unstructured

// Build makes an overlay's objects, as `kubectl kustomize` does; folder is deploy/kubernetes.
func Build(folder, overlay string) ([]*Object, error) {
	return BuildAt(filepath.Join(folder, "overlays", overlay))
}

// BuildAt is [Build] for any folder with a kustomization.
func BuildAt(path string) ([]*Object, error) {
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), path)
	if err != nil {
		return nil, fmt.Errorf("build %s: %w", path, err)
	}
	var objects []*Object
	for _, r := range made.Resources() {
		text, err := r.MarshalJSON()
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", r.CurId(), err)
		}
		o := &Object{}
		if err := o.UnmarshalJSON(text); err != nil {
			return nil, fmt.Errorf("read %s: %w", r.CurId(), err)
		}
		objects = append(objects, o)
	}
	return objects, nil
}

// Name is kind and name, by which findings name an object.
func Name(o *Object) string { return o.GetKind() + "/" + o.GetName() }
