-- The databases of a MeAi cluster, each made of template0 so that encoding and locale do not depend on the host.
-- "create database" cannot run twice or inside a transaction: run this file once, statement by statement.

create database meai owner meai_owner template template0 encoding 'UTF8' locale 'C';

revoke all on database meai from public;

grant connect on database meai to meai_app, meai_reader, meai_backup;

create database temporal owner temporal template template0 encoding 'UTF8' locale 'C';

revoke all on database temporal from public;

grant connect on database temporal to meai_backup;

create database temporal_visibility owner temporal template template0 encoding 'UTF8' locale 'C';

revoke all on database temporal_visibility from public;

grant connect on database temporal_visibility to meai_backup;
