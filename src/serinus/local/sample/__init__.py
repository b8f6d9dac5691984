"""The bundled sample service: what runs as a pod when no image table row says otherwise."""
