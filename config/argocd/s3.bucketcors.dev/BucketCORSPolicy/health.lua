local hs = {}

if obj.status == nil or obj.status.conditions == nil then
  hs.status = "Progressing"
  hs.message = "Waiting for bucketcors to look at the policy"
  return hs
end

if obj.status.observedGeneration ~= obj.metadata.generation then
  hs.status = "Progressing"
  hs.message = "Waiting for bucketcors to look at the last change of the policy"
  return hs
end

local ready = nil
local reconciling = false
local stalled = false
for _, condition in ipairs(obj.status.conditions) do
  if condition.type == "Ready" then
    ready = condition
  elseif condition.type == "Reconciling" then
    reconciling = condition.status == "True"
  elseif condition.type == "Stalled" then
    stalled = condition.status == "True"
  end
end

if ready == nil then
  hs.status = "Progressing"
  hs.message = "Waiting for bucketcors to look at the policy"
  return hs
end

hs.message = ready.message
if stalled then
  -- Only a change of the spec can help.
  hs.status = "Degraded"
elseif reconciling then
  -- It is tried again without anybody's doing.
  hs.status = "Progressing"
elseif ready.status == "False" then
  -- Somebody has to do something. A suspended policy that is not accepted is here too.
  hs.status = "Degraded"
elseif obj.spec.suspend then
  hs.status = "Suspended"
elseif ready.status == "True" then
  hs.status = "Healthy"
else
  hs.status = "Progressing"
end
return hs
