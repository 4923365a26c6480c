-- Absent means false, and is what manifests say that never suspended anything.
obj.spec.suspend = nil
return obj
