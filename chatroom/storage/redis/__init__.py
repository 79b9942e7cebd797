"""The engine on Redis or Valkey: many servers, one store. Imported only when it is asked for."""
