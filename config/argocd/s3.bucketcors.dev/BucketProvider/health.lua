local hs = {}

if obj.status == nil or obj.status.conditions == nil then
  hs.status = "Progressing"
  hs.message = "Waiting for bucketcors to look at the provider"
  return hs
end

if obj.status.observedGeneration ~= obj.metadata.generation then
  hs.status = "Progressing"
  hs.message = "Waiting for bucketcors to look at the last change of the provider"
  return hs
end

local ready = nil
local reconciling = false
for _, condition in ipairs(obj.status.conditions) do
  if condition.type == "Ready" then
    ready = condition
  elseif condition.type == "Reconciling" then
    reconciling = condition.status == "True"
  end
end

if ready == nil then
  hs.status = "Progressing"
  hs.message = "Waiting for bucketcors to look at the provider"
  return hs
end

hs.message = ready.message
if reconciling then
  -- It is tried again without anybody's doing.
  hs.status = "Progressing"
elseif ready.status == "True" then
  hs.status = "Healthy"
elseif ready.status == "False" then
  hs.status = "Degraded"
else
  hs.status = "Progressing"
end
return hs
