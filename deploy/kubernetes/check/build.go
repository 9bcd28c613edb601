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

// Object is one object that is deployed, in the form that the API server reads.
type Object = unstructured.Unstructured

// Build makes an overlay's objects, as `kubectl kustomize` does; folder is deploy/kubernetes.
func Build(folder, overlay string) ([]*Object, error) {
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join(folder, "overlays", overlay))
	if err != nil {
		return nil, fmt.Errorf("build overlay %s: %w", overlay, err)
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
